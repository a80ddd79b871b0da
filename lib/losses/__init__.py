"""Training losses, one family a file. All are called as `loss(prediction, target)` and give a scalar."""
