"""Questions with known answers: what a search is judged by. Read by data.read_retrieval_set, or made by hand.

A result counts by its place in `passages`, so whoever makes a set decides what a passage is: in sets with ids each id
is one, in pairs of texts each distinct text is one.
"""

from dataclasses import dataclass, replace

import numpy as np

from lit_embed.search.retrieval import RetrievalTask


@dataclass(frozen=True)
class RetrievalSet:
    """Q questions, N passages, and which passages answer which question.

    question_ids   Q ids
    questions      Q texts
    passage_ids    N ids
    passages       N texts
    relevant       Q dicts, place in `passages` -> grade; every grade is above 0
    left_out       questions that nothing in the corpus answers: they are none of the Q
    """

    question_ids: list[str]
    questions: list[str]
    passage_ids: list[str]
    passages: list[str]
    relevant: list[dict[int, float]]
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.questions)

    @classmethod
    def of_task(cls, task: RetrievalTask) -> "RetrievalSet":
        """Distinct questions and passages of pairs, numbered from 0; unanswered questions are left out."""
        answered = [i for i, own in enumerate(task.answers) if len(own)]
        return cls([str(i) for i in answered], [task.questions[i] for i in answered],
                   [str(i) for i in range(len(task.corpus))], task.corpus,
                   [dict.fromkeys(task.answers[i].tolist(), 1.0) for i in answered],
                   len(task.questions) - len(answered))

    def sample(self, count: int, seed: int = 42) -> "RetrievalSet":
        """So many of the questions, drawn by chance, in the order they had; the passages are all there."""
        drawn = np.sort(np.random.default_rng(seed).permutation(len(self))[:count]).tolist()
        return replace(self, question_ids=[self.question_ids[i] for i in drawn],
                       questions=[self.questions[i] for i in drawn], relevant=[self.relevant[i] for i in drawn])

    def gains(self, places: np.ndarray) -> np.ndarray:
        """The grade of each result, 0 where it does not answer.  (Q, K) places, -1 = nothing found -> (Q, K) float64"""
        if len(places) != len(self):
            raise ValueError(f"{len(places)} lists of results are for other questions than these {len(self)}")
        grades = [[own.get(place, 0.0) for place in row] for row, own in zip(places.tolist(), self.relevant)]
        return np.array(grades, dtype=np.float64).reshape(places.shape)

    def ideal(self) -> np.ndarray:
        """The grades of each question's answers, the highest first, filled up with zeros.  -> (Q, I) float64"""
        grades = np.zeros((len(self), max(map(len, self.relevant), default=0)))
        for row, own in zip(grades, self.relevant):
            row[:len(own)] = sorted(own.values(), reverse=True)
        return grades
