"""FlowAct inside other people's stacks; each adapter is an extra of its own and nothing imports it."""
