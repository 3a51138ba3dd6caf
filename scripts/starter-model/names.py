"""Names for the dialogues in which the guide remembers one: real ones, and invented ones.

Invented names outnumber real ones, so that the model must learn to copy letters, not to know names.
"""
import random

REAL = """Ben Carla David Emma Frank Grace Henry Ivan Jack Karen Leo Mia Nina Oscar Paula Quentin Rosa Sam Tina Uwe
Vera Will Xenia Yuri Zoe Alice Bob Charlie Diana Eve Felix Gina Hugo Ines Jonas Klara Lukas Marta Nora Otto Petra
Ravi Sara Tom Ulla Victor Wanda Yara Zara Adam Bella Chen Dina Erik Fatima George Hana Igor Julia Kofi Linh Miguel
Noor Olga Pablo Rita Sven Tara Umar Vlad Wei Yuki Amir Bruno Clara Dario Elif Farah Gustav Hiro Isabel Jamal Kim
Lena Marco Nadia Omar Pedro Rina Sofia Theo Ursula Vijay Maria Michael John Jane Lisa Anna Peter Paul Mary Linda
James Robert Susan Jessica Daniel Matthew Laura Andrew Steven Kevin Brian Edward Ronald Timothy Jason Jeffrey Ryan
Jacob Gary Nicholas Eric Stephen Larry Justin Scott Brandon Raymond Gregory Joshua Jerry Dennis Walter Patrick Aaron
Samuel Willie Keith Terry Harold Douglas Roger Albert Joe Ethan Jeremy Christian Sean Austin Carl Arthur Lawrence
Dylan Jesse Jordan Bryan Billy Gabriel Joyce Megan Amber Emily Rachel Heather Nicole Amy Angela Melissa Brenda
Deborah Stephanie Sharon Cynthia Kathleen Helen Samantha Carolyn Janet Virginia Catherine Heinz Jürgen Søren François
Zoë Chloé José Andrés Björn Łukasz""".split()

ONSETS = ['b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'n', 'p', 'r', 's', 't', 'v', 'w', 'y', 'z', 'ch', 'sh', 'th',
          'br', 'cr', 'dr', 'fr', 'gr', 'kr', 'tr', 'st', 'bl', 'cl', 'fl', 'gl', 'kl', 'pl', 'sl', 'kh', 'ph', 'q', '']
VOWELS = ['a', 'e', 'i', 'o', 'u', 'a', 'e', 'i', 'o', 'ai', 'ei', 'ia', 'ie', 'io', 'oo', 'ee', 'au', 'y']
CODAS = ['', '', '', '', 'n', 'r', 'l', 's', 'm', 't', 'd', 'k', 'x', 'nd', 'rt', 'ng', 'lf', 'ck', 'sh', 'th', 'z']


def invented(rng: random.Random) -> str:
    """A pronounceable name of one to four syllables, now and then plain letters."""
    if rng.random() < 0.06:
        return ''.join(rng.choice('abcdefghijklmnopqrstuvwxyz') for _ in range(rng.randint(2, 7))).capitalize()
    parts = [rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(rng.choice([1, 2, 2, 2, 3, 3, 4]))]
    return ''.join(parts)[:12].capitalize()


def anyName(rng: random.Random, banned: set) -> str:
    """A name that is not in `banned` (lower case); one in eight is written in lower case."""
    while True:
        name = rng.choice(REAL) if rng.random() < 0.2 else invented(rng)
        if len(name) > 1 and name.lower() not in banned:
            break
    roll = rng.random()
    if roll < 0.12:
        return name.lower()
    if roll < 0.15:
        return name.upper()
    if roll < 0.17:
        return name + ' ' + invented(rng)
    return name
