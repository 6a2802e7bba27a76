"""Krippendorff's example of four observers."""

import numpy as np

N = np.nan


# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", example C: 4 observers, 12 units,
# values missing.
FOUR = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
).T
