"""What people think of their orders: mostly a matter of when they came."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_generation.draws import Draws, Ints, Keys, child_keys
from data_generation.formats import timestamps, whole
from data_generation.fulfilment import Fulfilment
from data_generation.people import Purchases
from data_generation.profile import DELAYS
from data_generation.world import DAY, World, month_of, shares_by_cell, weekday_of

TITLES = (
    ("Não gostei", "Decepcionado", "Péssimo", "Não recebi", "Produto errado"),
    ("Esperava mais", "Atrasou", "Deixou a desejar", "Ruim", "Incompleto"),
    ("Mais ou menos", "Regular", "Razoável", "Ok", "Bom, mas atrasou"),
    ("Bom", "Gostei", "Boa compra", "Recomendo", "Bom produto"),
    ("Ótimo", "Excelente", "Super recomendo", "Perfeito", "Adorei"),
)
OPENINGS = (
    ("Não recebi o produto.", "Veio errado.", "Chegou quebrado, péssimo.", "Comprei dois e só chegou um.", "Ruim."),
    ("Demorou demais.", "Não é como na foto.", "A embalagem veio aberta.", "Material fraco.", "Falta uma peça."),
    ("Produto bom, mas atrasou.", "Mais ou menos.", "Pelo preço, está ok.", "Esperava outra cor.", "Serve."),
    ("Gostei.", "Chegou no prazo.", "Bom produto, recomendo.", "Tudo certo com a compra.", "Boa qualidade."),
    ("Amei!", "Chegou antes do prazo.", "Produto excelente, muito bem embalado.", "Nota dez.", "Recomendo a loja."),
)
CLOSINGS = (
    (
        "",
        " Quero meu dinheiro de volta.",
        "\nAlguém pode me responder?",
        ' O vendedor disse "aguarde", e nada até hoje.',
    ),
    ("", " Não compro mais aqui.", "\nJá reclamei, sem resposta.", ' Na caixa dizia "frágil", não adiantou.'),
    ("", " Vamos ver se dura.", "\nO frete é caro.", " Ainda não testei, depois volto para contar como ficou."),
    (
        "",
        " Voltarei a comprar.",
        "\nEntrega rápida.",
        ", só a caixa que veio um pouco amassada, mas nada que atrapalhe.",
    ),
    (
        "",
        " Obrigada!",
        "\nParabéns à loja, entrega muito rápida.",
        " Já é a segunda vez que compro e sempre dá certo.",
    ),
)


def review_file(
    world: World,
    orders: Purchases,
    order_ids: pa.StringArray,
    state: Fulfilment,
    several: Ints,
    same_review: Ints,
) -> pa.Table:
    """Rows of the reviews file.

    Args:
        world: the shop.
        orders: n orders.
        order_ids: shape (n,).
        state: of the orders.
        several: 1 where an order has more than one item, else 0, shape (n,).
        same_review: position of the order whose review stands for this one too, mostly its own, shape (n,).
    """
    draws, profile = world.draws, world.profile
    reviews = draws.happens("reviewed", orders.key, profile["reviewed"]).astype(np.int64)
    reviews += reviews * draws.happens("reviewed twice", orders.key, profile["reviewed_twice"])
    order = np.repeat(np.arange(len(reviews)), reviews)
    number = np.arange(len(order)) - np.repeat(np.cumsum(reviews) - reviews, reviews)
    judged = same_review[order]
    key = child_keys(orders.key[judged], number)

    promised, delivered_day = state.promised_at[judged] // DAY, state.delivered_at[judged] // DAY
    delay = delivered_day - promised
    delivered = state.delivered[judged]
    cell = several[judged] * (len(DELAYS) + 1) + np.digitize(delay, DELAYS, right=True)
    by_delay = [shares for shares_of in profile["score_by_delay"] for shares in shares_of]
    without = [profile["score_undelivered"].get(status, [1, 0, 0, 0, 0]) for status in world.statuses]
    cell = np.where(delivered, cell, len(by_delay) + state.status[judged])
    score = 1 + shares_by_cell(draws.uniform("score", key), cell, by_delay + without)

    in_time = delivered & (delay <= 1)
    after_delivery, after_promise = (
        np.array([int(float(days)) for days in profile[name]])[
            draws.choice("asked", key, list(profile[name].values()))
        ]
        for name in ("review_after_delivery", "review_after_promise")
    )
    asked = np.where(in_time, delivered_day + after_delivery, promised + after_promise)
    asked = np.maximum(asked, orders.purchased_at[judged] // DAY + 1) * DAY
    title, message = comments(draws, key, score, profile["review_titles"], profile["review_messages"])
    known = {
        "arrived_hour": state.delivered_at[judged] % DAY / 3600,
        "asked_after": asked // DAY - delivered_day,
        "asked_weekday": weekday_of(asked),
        "review_score": score,
        "written": np.asarray(message.is_valid()),
        "month": month_of(orders.purchased_at[judged]),
    }
    days = profile["trees"]["answer_days"].draw(draws.uniform("days to answer", key), known)
    known["answer_days"] = np.round(days).clip(0)
    hour = profile["trees"]["answer_hour"].draw(draws.uniform("answer", key), known)
    answered = asked + known["answer_days"].astype(np.int64) * DAY + (hour * 3600).astype(np.int64)
    titles = asked >= np.datetime64(profile["review_titles_from"], "s").astype(np.int64)
    return pa.table(
        {
            "review_id": draws.ids("review", key),
            "order_id": order_ids.take(pa.array(order)),
            "review_score": whole(score),
            "review_comment_title": pc.if_else(pa.array(titles), title, None),
            "review_comment_message": message,
            "review_creation_date": timestamps(asked),
            "review_answer_timestamp": timestamps(answered),
        }
    )


def comments(
    draws: Draws, key: Keys, score: Ints, with_title: list[float], with_message: list[float]
) -> tuple[pa.Array, pa.Array]:
    """Titles and messages in Portuguese, with quotes, commas and line breaks; null where people wrote none.

    Args:
        draws: of the world's seed.
        key: of n reviews.
        score: 1 to 5, shape (n,).
        with_title, with_message: the share of reviews that have one, by score, shape (5,).
    """
    texts = [opening + closing for row in range(5) for opening in OPENINGS[row] for closing in CLOSINGS[row]]
    choices = len(texts) // 5
    title = pa.array([title for row in TITLES for title in row]).take(
        pa.array(
            (score - 1) * len(TITLES[0]) + draws.integers("title", key, 0, len(TITLES[0])),
            mask=~draws.happens("titled", key, np.array(with_title)[score - 1]),
        )
    )
    message = pa.array(texts).take(
        pa.array(
            (score - 1) * choices + draws.integers("message", key, 0, choices),
            mask=~draws.happens("written", key, np.array(with_message)[score - 1]),
        )
    )
    return title, message
