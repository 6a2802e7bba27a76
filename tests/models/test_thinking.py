"""What of a reply is thinking and what is its answer, in every family's marks."""

import pytest

from psycopref.models.thinking import split, tagged


@pytest.mark.parametrize(
    "text",
    [
        "What keeps you awake?",
        "  A line.\n\nAnother, about my own analysis of it. ",
        '{"ratings": [{"response": 1, "rationale": "it has <think> in it", "score": 2}]}',
        'It writes "</think>" by mistake.',
        "I think, therefore <b>I am</b>.",
        "",
    ],
)
def test_a_text_without_thinking_is_its_own_answer_to_the_letter(text: str) -> None:
    assert split(text) == ("", text, True)


@pytest.mark.parametrize(
    ("text", "thinking"),
    [
        ("<think>\nnotes {x}\n</think>\n\nReply.", "notes {x}"),
        ("<THINK>notes</Think>Reply.", "notes"),
        ("<thinking>notes</thinking>Reply.", "notes"),
        ("<thought>notes</thought>\nReply.", "notes"),
        ("<reasoning>notes</reasoning>\nReply.", "notes"),
        ("<reflection effort='low'>notes</reflection>\nReply.", "notes"),
        ("<seed:think>notes</seed:think>Reply.", "notes"),
        ("[THINK]notes[/THINK]Reply.", "notes"),
        ("◁think▷notes◁/think▷Reply.", "notes"),
        (
            "<|begin_of_thought|>notes<|end_of_thought|><|begin_of_solution|>Reply."
            "<|end_of_solution|>",
            "notes",
        ),
        (
            "<|START_THINKING|>notes<|END_THINKING|><|START_RESPONSE|>Reply.<|END_RESPONSE|>",
            "notes",
        ),
        ("notes that the template opened\n</think>\n\nReply.", "notes that the template opened"),
        ("<think>one</think>\n<think>two</think>\nReply.", "one\ntwo"),
        (
            "<|channel|>analysis<|message|>notes<|end|><|start|>assistant<|channel|>commentary"
            "<|message|>more<|end|><|start|>assistant<|channel|>final<|message|>Reply.<|return|>",
            "notes\nmore",
        ),
        ("analysisThe client is sad.assistantfinalReply.", "The client is sad."),
        ("<think>I may write <think> myself</think>Reply.", "I may write <think> myself"),
    ],
)
def test_thinking_is_kept_apart(text: str, thinking: str) -> None:
    assert split(text) == (thinking, "Reply.", True)


@pytest.mark.parametrize(
    "text",
    [
        "<think>\nFirst idea: {never",
        "<|channel|>analysis<|message|>never",
        "analysisThe client is sad and",
        "  <Thought>never\nReply?",
        "[THINK]never",
    ],
)
def test_thinking_that_never_ends_is_no_answer(text: str) -> None:
    found = split(text)
    assert found.answer == "" and not found.closed and found.thinking


def test_an_empty_block_and_a_frame_alone_leave_the_answer() -> None:
    assert split("<think>\n\n</think>\n\nReply.") == ("", "Reply.", True)
    assert split("<|channel|>final<|message|>Reply.<|return|>") == ("", "Reply.", True)


def test_what_an_endpoint_gives_apart_is_taken_apart_again() -> None:
    assert split(tagged("notes\n", "Reply.")) == ("notes", "Reply.", True)
    assert tagged("  ", "Reply.") == "Reply."
