"""The words of the page that one does not know without statistics, in plain English."""

GLOSSARY: tuple[tuple[str, str], ...] = (
    (
        "win rate",
        "how often our answer was preferred to the other's; a tie counts half, 50 % is no "
        "difference",
    ),
    ("95 % interval", "where the true figure may well lie, given how few cases were seen"),
    ("n", "how many cases a figure rests on"),
    (
        "reward model",
        "a model that gives an answer points, learnt from pairs of a better and a worse one",
    ),
    (
        "gold reward",
        "points by a second reward model, learnt from data that nothing else used: a control",
    ),
    ("policy", "the model that was trained to answer"),
    ("round", "one turn of answering, scoring and training"),
    (
        "KL, nats",
        "how far the trained model's answers have moved from those of the model it started "
        "as; nats are its unit, 0 is not at all",
    ),
    ("log-odds", "a share on a scale without ends: 0 is 50 %, 1 about 73 %, 2 about 88 %"),
    ("Brier", "the mean squared error of stated chances: 0 is perfect, 0.25 is guessing"),
    ("ECE", "how far stated chances are from what happened, on average; 0 is perfect"),
    (
        "T, scaled",
        "a number that stated chances are toned down by (margins are divided by it), so that "
        "they fit what happened",
    ),
    ("AUC", "how often a better answer gets more points than a worse one, over all of them"),
    (
        "flips",
        "comparisons in which the judge named the other answer once the two were shown in the"
        " other order",
    ),
    (
        "arms",
        "two ways of letting the models answer: as they answer, and with a length asked for",
    ),
    (
        "length asked for, compliant",
        "the models were told how long to be; compliant answers kept to it",
    ),
    (
        "answered by one alone",
        "test speeches to which only one of the two models gave a whole answer; in no win rate",
    ),
    (
        "null opponent",
        "a meaningless answer set against a real one, to see whether the judge can be fooled",
    ),
    (
        "kappa, AC1, alpha",
        "how far two raters agree beyond chance: 1 is always, 0 no more than chance",
    ),
    ("dev, test", "data set apart: dev to choose settings, test to measure once"),
)
