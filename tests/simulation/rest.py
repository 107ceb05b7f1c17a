"""How a life comes to rest: nothing goes wrong any more, everybody has time, and whatever is due is done until nothing is."""

from app.core import db
from tests.simulation import elsewhere, machines, people
from tests.simulation.house import WORKERS
from tests.simulation.story import Story

# What only repeats: done once, at the last rest but for a payout, and not waited for.
_REPEATS = "(kind LIKE 'house.%' OR kind LIKE 'connection.%' OR kind IN ('stripe.poll', 'stripe.account'))"
_NEXT = f"""
SELECT min(at) AS at, (SELECT max(lease_until) FROM (SELECT lease_until FROM inbox UNION ALL
  SELECT lease_until FROM write_back UNION ALL SELECT lease_until FROM job WHERE next_at IS NOT NULL) y) AS held FROM (
  SELECT next_at AS at FROM inbox UNION ALL SELECT next_at FROM write_back UNION ALL
  SELECT next_at FROM job WHERE NOT {_REPEATS}) x WHERE at IS NOT NULL
"""
_REPEATING = f"SELECT id FROM job WHERE {_REPEATS} AND kind <> 'connection.import'"
# What would change nothing: the nightly comparison comes at the end, unless there is something that it could clear.
_IDLE = """
SELECT id FROM job WHERE kind = 'house.prune'
OR (kind = 'house.reconcile' AND NOT EXISTS (SELECT 1 FROM breach WHERE cleared_at IS NULL))
"""
ROUNDS = 120


async def calm(story: Story) -> None:
    """Nothing goes wrong any more and everybody has time: whatever is not certain becomes so, or waits for a person."""
    story.armed = ""
    story.house.skew.clear()
    scheduler = story.scheduler
    scheduler.say("calm")
    scheduler.switching = scheduler.slowness = 0.0
    await machines.upstream_heals(story)
    scheduler.held.clear()
    await scheduler.finish()
    if story.rng.random() < 0.6:
        await _put_right(story)
    for _ in range(2):
        await _rest(story)
        await scheduler.jump(4500)  # sessions end
        for charge in [one for one in story.house.rows("stripe.charge") if one["status"] == "pending"]:
            outcome = story.rng.choice(("succeed", "fail"))
            await story.house.control("/_stripe/debits", {"charge": charge["id"], "outcome": outcome})
    await _rest(story, look=True)
    if story.rng.random() < 0.4:
        await _pay_out(story)
        await _rest(story)


async def _put_right(story: Story) -> None:
    """The merchants do what the pages ask for."""
    for shop in story.shops:
        await story.house.control(f"/_xero/organisations/{shop.key}/lock", {"period_lock": ""})
        await story.house.control(f"/_xero/accounts/{shop.accounts['Stripe clearing']}/restore")
        await people.sign_in(story, shop)
        await story.scheduler.finish()
        await people.choose(story, shop)
        await story.scheduler.finish()
        for _ in range(3):
            await people.resolve(story, shop)
            await story.scheduler.finish()


async def _pay_out(story: Story) -> None:
    """Stripe pays out whatever it holds, and the banks have it."""
    for account in elsewhere.accounts(story):
        await elsewhere.pay_out(story, account, "paid")


async def _rest(story: Story, *, look: bool = False) -> None:
    """Do what is due, wait for what comes next, until nothing comes; `look`: also for what nobody told us of."""
    await machines.ticks_once(story)
    await story.scheduler.finish()
    done = {("job", row["id"]) for row in await db.fetch(_IDLE if look else _REPEATING)}
    for _ in range(ROUNDS):
        for _ in range(len(story.house.wire.letters)):
            letter = story.house.wire.letters.pop(0)
            await story.scheduler.start("post", "web", machines.post(story, letter))
            await story.scheduler.finish()
        found = [one for one in await machines.due(story) if one not in done]
        done |= {("job", row["id"]) for row in await db.fetch(_REPEATING)} & set(found)
        for table, row_id in found:
            await machines.take(story, WORKERS[0], table, row_id)
            await story.scheduler.finish()
        if found:
            continue
        row = await db.fetch_row(_NEXT)
        if row is None or row["at"] is None:
            return
        at, held, moment = row["at"], row["held"], story.house.loop.now()
        until = max(at, moment) if held is None or held < moment else max(at, held)
        await story.scheduler.jump((until - moment).total_seconds() + 0.1)
