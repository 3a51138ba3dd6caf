"""Composes training conversations: guide questions, small talk, names told and asked for, follow-ups, things to decline."""
import random
import re
from names import anyName
from variations import DECLINE, HERE, Questions, SMALL, dress, expand, normalise

SYSTEM = """You are a helpful assistant.|You are a helpful assistant|Answer briefly.|You are Jan, a friendly guide.|Be concise.
You are a coding assistant.|You are an AI assistant inside VS Code.|Always answer in English.|You are an expert programmer.
Be polite and helpful.|You are a helpful, respectful and honest assistant. Always answer as helpfully as possible.\\nIf a question does not make any sense, or is not factually coherent, explain why instead of answering something incorrectly. If you don't know the answer to a question, don't share false information.
Answer in one sentence.|Use Markdown.|You are a pirate.|Talk like a teacher.|You help with TypeScript projects.""".replace('\n', '|').split('|')

TELL = """my name is N|my name is N|my name is N|my name's N|i am N|i'm N|call me N|please call me N|you can call me N|hi, my name is N
hello, i am N|hi, i'm N|hello, my name is N|hey, i'm N|hey my name is N|the name is N|name's N|i am called N|hi i am N|hi there, i'm N
hello! my name is N|hi! i'm N|my name is N, nice to meet you|i'm N, by the way|people call me N|they call me N|my friends call me N
just call me N|good morning, i am N|remember my name: N|my name is N, remember it|i'm N and i am new here|my name is N and i use vs code
by the way, my name is N|hello jan, i am N|hey there, my name is N|N is my name|it's N|this is N|good evening, my name is N|hi jan, i'm N
let me introduce myself: i am N|my first name is N|hello, N here|hi, N here|hi guide, my name is N|everybody calls me N""".replace('\n', '|').split('|')
ASK = """what is my name|what is my name|what's my name|do you know my name|do you remember my name|who am i|what am i called
tell me my name|can you tell me my name|what was my name|what was my name again|do you still know my name|say my name|my name
what did i say my name was|how am i called|remember my name|what name did i give you|do you remember who i am|so what is my name
and what is my name|what is my name now|which name did i tell you|please tell me my name|can you remember my name|whats my name again
i forgot my name, what is it|do you know who i am|what do people call me|could you say my name""".replace('\n', '|').split('|')
MEET = 'Nice to meet you, N! What would you like to know about Jan?'
RECALL = 'Your name is N.'
UNKNOWN = 'You have not told me your name yet.'


def withName(pattern: str, name: str, rng: random.Random) -> str:
    """A sentence with a name in it; the name itself keeps its letters."""
    text = re.sub(r'\bN\b', '\x00', pattern)
    if rng.random() < 0.5:
        text = text[:1].upper() + text[1:]
        text = re.sub(r'\bi\b', 'I', text)
    if rng.random() < 0.1:
        text = text.replace("'", '')
    return text.replace('\x00', name) + rng.choice(['', '', '.', '.', '!'])


def readFollowups() -> list:
    """followups.txt: `previous intents > patterns > intent that the follow-up then means`."""
    rows = []
    for line in (HERE / 'followups.txt').read_text(encoding='utf-8').splitlines():
        if line and not line.startswith('#'):
            before, patterns, after = (p.strip() for p in line.split('>'))
            rows.append((before.split(), patterns, after))
    return rows


class Dialogues:
    def __init__(self, rng: random.Random, heldOut: set, heldOutNames: set):
        self.rng, self.names = rng, heldOutNames
        self.questions = Questions(rng, heldOut)
        self.heldOut = heldOut
        self.followups = readFollowups()
        self.intents = sorted(self.questions.intents)
        self.weights = [3 if i in ('what_is_jan', 'full_tour') else 2.5 if i in SMALL else 1.4 if len(self.questions.intents[i]['?']) > 9 else 1
                        for i in self.intents]
        unknown = {x for b, _, a in self.followups for x in b + [a]} - set(self.intents) - {'outside'}
        assert not unknown, f'followups.txt names unknown intents: {unknown}'

    def answer(self, intent: str) -> str:
        return DECLINE if intent == 'outside' else self.questions.intents[intent]['answer']

    def followup(self) -> list:
        before, patterns, after = self.rng.choice(self.followups)
        first = self.rng.choice(before)
        while True:
            text = dress(expand(patterns, self.rng), self.rng, True, False)
            if normalise(text) not in self.heldOut:
                break
        return [(self.questions.draw(first), self.answer(first)), (text, self.answer(after))]

    def plain(self) -> list:
        rng = self.rng
        intent = 'outside' if rng.random() < 0.17 else rng.choices(self.intents, self.weights)[0]
        return [(self.questions.draw(intent), self.answer(intent))]

    def tell(self) -> tuple:
        name = anyName(self.rng, self.names)
        return (withName(self.rng.choice(TELL), name, self.rng), MEET.replace('N!', name + '!')), name

    def ask(self, name) -> tuple:
        while True:
            text = dress(self.rng.choice(ASK), self.rng, True, False)
            if normalise(text) not in self.heldOut:
                return text, RECALL.replace('N.', name + '.') if name else UNKNOWN

    def conversation(self, longest: int, single: bool = False) -> tuple:
        """(system prompt or None, [(user, answer), …]) of about 1 to `longest` turns; `single`: one question, or a name and its recall."""
        rng = self.rng
        if single:
            if rng.random() > 0.2:
                return None, self.plain()
            turn, name = self.tell()
            return None, [turn, self.ask(name)]
        system = rng.choice(SYSTEM).replace('\\n', '\n') if rng.random() < 0.18 else None
        count = 1 if rng.random() < 0.3 else rng.randint(2, longest)
        turns, name = [], None
        about = rng.random() < 0.32  # a conversation in which names matter
        while len(turns) < count:
            roll = rng.random()
            if about and roll < 0.35:
                turn, name = self.tell()
                turns.append(turn)
                if rng.random() < 0.6:
                    turns.append(self.ask(name))
            elif about and roll < 0.6 or roll < 0.01:
                turns.append(self.ask(name))
            elif roll > 0.93:
                turns += self.followup()
            else:
                turns += self.plain()
        return system, turns
