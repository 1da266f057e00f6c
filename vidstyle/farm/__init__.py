"""Many machines: videos are cut into segments, which workers paint on whatever computers there are, by Ray."""
