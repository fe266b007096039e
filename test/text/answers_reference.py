"""Prints what test/text/answers.test.ts expects: the scores of SQuAD's published rules, in plain Python. Run: python test/text/answers_reference.py"""
import collections, json, re, string

PREDICTIONS = {
    'q1': 'The physical object', 'q2': 'an ant, the brown dog', 'q3': 'krakow', 'q4': 'In the YEAR 2001!', 'q5': '', 'q6': 'a cellulose cellulose',
    'q7': 'energy', 'q8': '', 'q9': 'nobody knows',
}
NO_ANSWER = {'q1': -3.0, 'q2': 0.5, 'q3': 2.0, 'q4': -1.0, 'q5': 1.5, 'q6': -0.5, 'q7': -2.0, 'q8': 3.0, 'q9': 1.0}


def normalize(text):
    text = ''.join(c for c in text.lower() if c not in set(string.punctuation))
    return ' '.join(re.sub(r'\b(a|an|the)\b', ' ', text).split())


def exact(truth, guess):
    return int(normalize(truth) == normalize(guess))


def f1(truth, guess, version):
    gold, mine = normalize(truth).split(), normalize(guess).split()
    if version == 2 and (not gold or not mine):
        return int(gold == mine)
    same = sum((collections.Counter(gold) & collections.Counter(mine)).values())
    if same == 0:
        return 0
    precision, recall = same / len(mine), same / len(gold)
    return 2 * precision * recall / (precision + recall)


def questions(version):
    with open(f'test/data/squad-v{version}.json', encoding='utf8') as file:
        for article in json.load(file)['data']:
            for paragraph in article['paragraphs']:
                yield from paragraph['qas']


all1 = list(questions(1))
print({'exact_match': 100 * sum(max(exact(a['text'], PREDICTIONS[q['id']]) for a in q['answers']) for q in all1) / len(all1),
       'f1': 100 * sum(max(f1(a['text'], PREDICTIONS[q['id']], 1) for a in q['answers']) for q in all1) / len(all1)})

all2 = list(questions(2))
has = {q['id']: bool(q['answers']) for q in all2}
raw = {}
for name, score in (('exact', exact), ('f1', lambda t, g: f1(t, g, 2))):
    raw[name] = {q['id']: max(score(t, PREDICTIONS[q['id']]) for t in ([a['text'] for a in q['answers'] if normalize(a['text'])] or [''])) for q in all2}
out = {}
for prefix, ids in (('', list(has)), ('HasAns_', [i for i in has if has[i]]), ('NoAns_', [i for i in has if not has[i]])):
    for name in raw:
        out[prefix + name] = 100 * sum(float(not has[i]) if NO_ANSWER[i] > 0.9 else raw[name][i] for i in ids) / len(ids)
for name in raw:
    current = sum(not yes for yes in has.values())
    best, threshold = current, 0.0
    for i in sorted(NO_ANSWER, key=NO_ANSWER.get):
        current += raw[name][i] if has[i] else (-1 if PREDICTIONS[i] else 0)
        if current > best:
            best, threshold = current, NO_ANSWER[i]
    out['best_' + name], out['best_' + name + '_thresh'] = 100 * best / len(has), threshold
print(out)
print([normalize(text) for text in ('The  An-swer!', 'a\u00e9 the\u00e9 an\u0020the', '\u1680Theatre\u2003a.b.c', 'A“quote” an')])
