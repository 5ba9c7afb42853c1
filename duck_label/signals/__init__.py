"""Files that say which bars are asked: sessions from a calendar, events from the bars."""
