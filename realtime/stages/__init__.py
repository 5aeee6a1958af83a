"""What is done to frames and candidates: watch, then recognise, here or on another machine."""
