# What libjpeg-turbo makes of `input` in transforms.safetensors with the cosines as floats, for `jpeg_40` and `jpeg_90`:
#     bash jpeg.sh input.ppm QUALITY > output.ppm
# (libjpeg-turbo-progs 2.1.5; 4:4:4.) With its whole-number cosines, which Pillow uses, frequencies between two steps go to
# the other one: the two are 0.11 and 0.15 of 255 apart in the mean.
cjpeg -quality "$2" -sample 1x1 -dct float "$1" | djpeg -dct float
