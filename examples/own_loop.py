"""Own the loop: frames from OpenCV in, events out. python own_loop.py VIDEO"""

import sys

import cv2

import apexcam

video = cv2.VideoCapture(sys.argv[1])
with apexcam.Spotter(camera="mine") as spotter:
    while True:
        there, image = video.read()
        if not there:
            break
        for event in spotter.push(image, video.get(cv2.CAP_PROP_POS_MSEC) / 1000 + 0.001):
            print(event.kind, event.onset.frame, event.apex.frame, event.offset.frame, event.label)
    for event in spotter.flush():
        print(event.kind, event.onset.frame, event.apex.frame, event.offset.frame, event.label)
