"""Turns knowledge.txt and outside.txt into endless user messages: choices, wrappers, synonyms, case, typos, terse forms."""
import random
import re
from pathlib import Path

HERE = Path(__file__).parent
DECLINE = ("I am only a small guide to Jan, so I don't know that. "
           'Download a larger model from the Models view for general questions.')
# Intents whose phrases are said as they are: no "how do I …" or "in VS Code" around them.
SMALL = {'hello', 'how_are_you', 'thanks', 'goodbye', 'who_are_you', 'are_you_human', 'compliment', 'ok', 'insult',
         'enough_help', 'memory_across', 'what_can_you_do'}

ACTIONS = """how do i V|how do i V|how do i V|how can i V|how can i V|how to V|how to V|how do you V|how would i V|how should i V
what is the way to V|can i V|can i V|is it possible to V|is there a way to V|i want to V|i need to V|i would like to V|i'd like to V
V|V|where can i V|where do i V|show me how to V|help me V|tell me how to V|steps to V|what do i do to V|i don't know how to V
can you help me V|could you explain how to V|what's the best way to V|i can't figure out how to V|i am trying to V|any way to V
how does one V|what must i do to V|what do i have to do to V|please V|can you V|let me V|how do we V|how am i supposed to V
i wish to V|what should i click to V|which command do i use to V|where do i click to V|how could i V|what is the easiest way to V
instructions to V|do you know how to V|explain how to V|what is needed to V|i have to V|quickest way to V|how might i V""".replace('\n', '|').split('|')
NOUNS = """what is N|what is N|what is N|what's N|what are N|explain N|define N|N|N|what does N mean|meaning of N|tell me about N
what do you mean by N|can you explain N|i don't understand N|describe N|what exactly is N|N meaning|N explained|give me a definition of N
what is meant by N|could you tell me what N is|what N is|in simple words, what is N|help me understand N|definition of N|what is N for
what is N good for|i read about N, what is it|why is there N|what do i need N for|what is this N|tell me what N is|more about N
what is N used for|what is N in jan|what does N do|how would you describe N|i have never heard of N|explain N in simple terms
what is the purpose of N|what is the meaning of N|anything about N|info on N|some words on N|N?""".replace('\n', '|').split('|')
PREFIXES = """hi, |hello, |hey, |please |ok, |so |and |also, |quick question: |can you tell me |hey jan, |one more thing: |sorry, |then |well,
i wonder |do you know |tell me |and |but |now, |another question: |excuse me, |i was wondering, |could you tell me |thanks, and |ok and |great, |
please tell me |next: |hm, |good, and |oh, |one question: |just asking: |i would like to know: |question: |ok thanks, |may i ask, |
actually, |right, |my question is: |now |in that case, |alright, |by the way, |let me ask: |someone asked me: """.replace('\n', '').split('|')
SUFFIXES = """ please| in jan| in vs code| here| with jan| in this extension| for me| exactly|, please|, thanks| again| now| then| in the jan view|
 then please| by the way| actually| quickly| in general| on my computer| if i may ask|, i forgot| here in vs code| at all| as a beginner|
 in short| with this| today""".replace('\n', '').split('|')
SYNONYMS = {
    'conversation': ['chat', 'chat', 'thread', 'discussion'], 'conversations': ['chats', 'chats', 'threads', 'discussions'],
    'chat': ['conversation'], 'chats': ['conversations', 'chat history'], 'model': ['llm', 'ai model', 'language model', 'model', 'model'],
    'models': ['llms', 'ai models', 'models'], 'download': ['get', 'fetch', 'pull', 'download'],
    'delete': ['remove', 'erase', 'get rid of', 'trash'], 'remove': ['delete'], 'answer': ['reply', 'response', 'output'],
    'answers': ['replies', 'responses'], 'computer': ['machine', 'pc', 'laptop', 'device'], 'vs code': ['vscode', 'visual studio code'],
    'show': ['display'], 'stop': ['halt', 'interrupt', 'abort'], 'start': ['begin', 'launch'], 'find': ['locate', 'get to'],
    'choose': ['pick', 'select'], 'change': ['switch', 'modify', 'alter'], 'memory': ['ram'], 'folder': ['directory'],
    'settings': ['options', 'preferences'], 'see': ['view', 'look at'], 'create': ['make'], 'big': ['large', 'huge'],
    'small': ['tiny', 'little'], 'message': ['prompt', 'text'], 'text': ['message'], 'work': ['function'], 'fast': ['quick'],
    'kept': ['stored', 'saved'], 'stored': ['kept', 'saved'], 'saved': ['stored', 'kept'], 'extension': ['add-on', 'extension'],
    'fix': ['solve', 'repair'], 'program': ['app', 'application'], 'programs': ['apps', 'applications'], 'tools': ['programs', 'apps'],
    'file': ['file'], 'error': ['problem', 'failure'], 'internet': ['web', 'net'], 'fails': ['does not work', 'breaks'],
    'crashed': ['died', 'broke'], 'private': ['confidential'], 'list': ['overview'], 'help': ['assist'], 'button': ['icon'],
    'my': ['the', 'our', 'my'], 'add': ['include', 'put in'], 'use': ['work with', 'employ', 'use'], 'need': ['require', 'need'],
    'endpoint': ['endpoint', 'api'], 'gpu': ['graphics card'], 'search': ['look for', 'search'], 'explain': ['describe', 'clarify'],
    'export': ['save'], 'cannot': ["can't", 'am not able to'], "can't": ['cannot', 'can not'], "doesn't": ['does not'],
    'does not': ["doesn't"], "don't": ['do not'], 'sent': ['transmitted', 'uploaded'], 'window': ['window'],
}
STOPWORDS = set('a an the my i do does to is are it of for in can you me please how what this that there be'.split())
NEIGHBOURS = dict(zip('qwertyuiopasdfghjklzxcvbnm', 'wsedrtyuipsawdfghjkoxzcvbn'))


def expand(pattern: str, rng: random.Random, lists: dict = {}) -> str:
    """One random reading of a pattern: {a|b} choices, [optional], $list."""
    while True:
        m = re.search(r'\{([^{}\[\]]*)\}|\[([^{}\[\]]*)\]', pattern)
        if not m:
            break
        body = m.group(1) if m.group(1) is not None else m.group(2)
        take = rng.choice(body.split('|')) if m.group(1) is not None or rng.random() < 0.5 else ''
        pattern = pattern[:m.start()] + take + pattern[m.end():]
    pattern = re.sub(r'\$(\w+)', lambda m: rng.choice(lists[m.group(1)]) if m.group(1) in lists else m.group(0), pattern)
    return re.sub(r'\s+', ' ', pattern).strip()


def readKnowledge() -> dict:
    """Intent → {answer, '?': [...], '!': [...], '.': [...]}."""
    intents, current = {}, None
    for line in (HERE / 'knowledge.txt').read_text(encoding='utf-8').splitlines():
        if line.startswith('@ '):
            current = intents.setdefault(line[2:].strip(), {'?': [], '!': [], '.': []})
        elif line.startswith('= '):
            current['answer'] = line[2:].replace('\\n', '\n')
        elif line[:2] in ('? ', '! ', '. '):
            current[line[0]].append(line[2:])
    return intents


def readOutside() -> tuple:
    lists, patterns = {}, []
    for line in (HERE / 'outside.txt').read_text(encoding='utf-8').splitlines():
        if line.startswith('$'):
            name, _, values = line[1:].partition(' = ')
            lists[name] = [v.strip() for v in values.split(' | ')]
        elif line.startswith('? '):
            patterns.append(line[2:])
    return lists, patterns


def typo(text: str, rng: random.Random) -> str:
    places = [m for m in re.finditer(r'[a-z]{4,}', text)]
    if not places:
        return text
    m = rng.choice(places)
    i = rng.randrange(m.start(), m.end() - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return text[:i] + text[i + 1] + text[i] + text[i + 2:]
    if kind == 1:
        return text[:i] + text[i + 1:]
    if kind == 2:
        return text[:i] + text[i] + text[i:]
    return text[:i] + NEIGHBOURS[text[i]] + text[i + 1:]


def substitute(text: str, rng: random.Random, chance: float) -> str:
    def swap(m):
        options = SYNONYMS.get(m.group(0).lower())
        return rng.choice(options) if options and rng.random() < chance else m.group(0)
    return re.sub(r"\bvs code\b|\bdoes not\b|[a-z][a-z'\-]*", swap, text)


def dress(text: str, rng: random.Random, small: bool, outside: bool) -> str:
    """Everyday noise around a lower-case message: openings, endings, case, punctuation, typos, dropped words."""
    if not small:
        if rng.random() < 0.14:
            text = rng.choice(PREFIXES) + text
        if rng.random() < 0.12 and not text.endswith('?'):
            suffix = rng.choice(SUFFIXES)
            if not (outside and ('jan' in suffix or 'code' in suffix or 'extension' in suffix)):
                text = text.rstrip('?') + suffix
        if rng.random() < 0.08:
            words = text.split()
            kept = [w for w in words if w not in STOPWORDS or rng.random() < 0.35]
            if kept:
                text = ' '.join(kept)
    for _ in range(2):
        if rng.random() < (0.03 if small else 0.06):
            text = typo(text, rng)
    if rng.random() < 0.12:
        text = text.replace("'", '')
    style = rng.random()
    if style < 0.52:
        text = text[:1].upper() + text[1:]
        text = re.sub(r"\bi\b", 'I', text)
        if rng.random() < 0.8:
            text = re.sub(r'\bjan\b', 'Jan', text)
            text = re.sub(r'\bvs code\b', 'VS Code', text)
            text = re.sub(r'\b(gguf|gpu|cpu|ram|api|http|llm|gb|rwkv|iam|wsl|ssh|url)\b', lambda m: m.group(0).upper(), text)
    elif style < 0.54:
        text = text.upper()
    end = rng.random()
    if not text.endswith('?'):
        text = text + ('' if end < 0.4 else '?' if end < 0.85 else '.' if end < 0.93 else '!' if end < 0.96 else '??' if end < 0.98 else ' ?')
    return text


def normalise(text: str) -> str:
    """What counts as the same question: letters and digits only, lower case."""
    return re.sub(r'[^\w]+', ' ', text.lower().replace("'", '')).strip()


class Questions:
    """Draws user messages per intent. Never one whose normalised text is in `heldOut`; `refused` collects what it avoided."""

    def __init__(self, rng: random.Random, heldOut: set):
        self.rng, self.heldOut, self.refused = rng, heldOut, set()
        self.intents = readKnowledge()
        self.lists, self.patterns = readOutside()

    def _draw(self, intent: str) -> str:
        rng = self.rng
        if intent == 'outside':
            # One in twenty: an everyday text of random words, to be declined as well.
            if rng.random() < 0.05:
                words = [w for v in rng.sample(list(self.lists.values()), 3) for w in rng.choice(v).split()]
                rng.shuffle(words)
                return dress(' '.join(words[:rng.randint(1, 5)]), rng, False, True)
            return dress(substitute(expand(rng.choice(self.patterns), rng, self.lists).lower(), rng, 0.1), rng, False, True)
        k = self.intents[intent]
        groups = [g for g in '?!.' if k[g]]
        group = rng.choices(groups, [len(k[g]) * (1 if g == '?' else 2.2) for g in groups])[0]
        text = expand(rng.choice(k[group]), rng).lower()
        if group == '!':
            text = rng.choice(ACTIONS).replace('V', text)
        elif group == '.':
            text = rng.choice(NOUNS).replace('N', text)
        small = intent in SMALL
        if not small and rng.random() < 0.6:
            text = substitute(text, rng, 0.3)
        return dress(text, rng, small, False)

    def draw(self, intent: str) -> str:
        while True:
            text = self._draw(intent)
            key = normalise(text)
            if not key:
                continue
            if key not in self.heldOut:
                return text
            self.refused.add(key)
