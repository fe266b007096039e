import { expect, test } from 'vitest';
import { readWordNet, SUPERSENSES } from '../../src/text/wordnet.js';

test('WordNet: all synsets, their words, supersenses, hypernyms and glosses', () => {
  const synsets = readWordNet();
  expect(synsets).toHaveLength(117_791);
  const byId = new Map(synsets.map((synset) => [synset.id, synset]));
  expect(byId.size).toBe(117_791);
  const dog = synsets.find(({ words }) => words.includes('domestic dog'))!;
  expect(dog.words).toEqual(['dog', 'domestic dog', 'Canis familiaris']);
  expect(SUPERSENSES[dog.supersense]).toBe('noun.animal');
  expect(dog.hypernyms.map((id) => byId.get(id)!.words[0])).toEqual(['canine', 'domestic animal']);
  expect(dog.gloss).toMatch(/^a member of the genus Canis .*"the dog barked all night"$/);
  expect(new Set(synsets.map(({ supersense }) => supersense)).size).toBe(45);
  expect(synsets.every(({ gloss, hypernyms }) => gloss.length > 0 && hypernyms.every((id) => byId.has(id)))).toBe(true);
  const words = synsets.reduce((sum, { gloss }) => sum + gloss.split(/\s+/).length, 0);
  expect(words).toBeGreaterThan(1_450_000);
});
