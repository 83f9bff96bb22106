"""How many servers there are, by how many are wanted, how busy they are, and who waits."""

import pytest
from ray.serve.config import AutoscalingContext

from flowact.fleet.scaling import replicas_wanted


def context(sessions=0, waiting=0, now=2, busy=0.1, places=4, least=1, most=9):
    replicas = range(now)
    return AutoscalingContext(
        deployment_id=None,
        deployment_name="avatar-default",
        app_name="flowact",
        current_num_replicas=now,
        target_num_replicas=now,
        running_replicas=list(replicas),
        total_num_requests=sessions,
        total_queued_requests=0,
        aggregated_metrics={
            "busy": dict.fromkeys(replicas, busy),
            "places": dict.fromkeys(replicas, places),
            "waiting": dict(zip(replicas, [waiting, *[0] * now], strict=False)),
        },
        raw_metrics={},
        capacity_adjusted_min_replicas=least,
        capacity_adjusted_max_replicas=most,
        policy_state={},
        last_scale_up_time=None,
        last_scale_down_time=None,
        current_time=None,
        config=None,
    )


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"sessions": 0}, 2),  # busy workers, and one that stands by
        ({"sessions": 0, "busy": 1e-9}, 1),  # work is forgotten little by little
        ({"sessions": 8}, 3),
        ({"sessions": 9}, 4),
        ({"sessions": 8, "waiting": 1}, 4),
        ({"sessions": 8, "waiting": 12}, 6),  # all who wait find room
        ({"sessions": 1, "waiting": 1, "now": 5}, 5),  # fewer only when nobody waits
        ({"sessions": 1, "now": 5}, 2),
        ({"sessions": 4, "now": 3, "busy": 0.95}, 6),  # the work of three is too much for three
        ({"sessions": 99}, 9),
        ({"sessions": 0, "least": 3}, 3),
        ({"sessions": 2, "now": 0}, 3),  # nothing is known of the places yet
    ],
)
def test_there_is_room_for_all_and_one_to_spare(asked, wanted):
    assert replicas_wanted(context(**asked))[0] == wanted
