"""Training losses, one a file, those of stage 1 in text_contrast. Called as `loss(prediction, target)`, they give a
scalar."""
