"""Text anchors, and the losses of stage 1."""
import argparse

from config.types import above_zero, cosine_distance, positive, str2bool, zero_or_more


def auto_or_bool(text) -> str | bool:
    """'auto', or True or False."""
    return "auto" if str(text).lower() == "auto" else str2bool(text)


def add_flags(parser: argparse.ArgumentParser) -> None:
    text = parser.add_argument_group("text anchors and contrast")
    text.add_argument("--text_encoder", default="minilm",
                      help="minilm, clip:ViT-B/32, clip:PATH, siglip2:FOLDER or file:PATH.npz; see docs/anchors.md")
    text.add_argument("--language_features_path", metavar="FILE.npz", help="the same as --text_encoder file:FILE.npz")
    text.add_argument("--text_prompt", default="name", choices=("name", "scene", "indoor"),
                      help="the bare name, `a NAME in a scene`, or the mean over CLIP's templates that suit a room")
    text.add_argument("--text_synonyms", type=str2bool, default=False,
                      help="average each name with those of config/scannet200_synonyms.json")
    text.add_argument("--center_anchors", type=auto_or_bool, default="auto", metavar="auto|True|False",
                      help="subtract the mean over the classes; auto: where the vectors share one large direction, as "
                           "CLIP's and SigLIP2's do and MiniLM's do not (the paper: False)")
    text.add_argument("--embedding_loss_type", default="contrast",
                      choices=("contrast", "contrast_ce", "l2", "pointsupcon"),
                      help="relu contrast with drawn anchors (the paper), cross entropy over all anchors (what "
                           "text_representation_train.sh and demo.sh take), distance to the own anchor, or supervised "
                           "contrast between voxels, without anchors")
    text.add_argument("--contrast_form", default="published", choices=("published", "code"),
                      help="relu for each negative (the paper), or of their mean (the original's code)")
    text.add_argument("--num_negative_samples", type=positive, default=3)
    text.add_argument("--negative_sampling", default="uniform", choices=("uniform", "frequency", "hard"),
                      help="contrast: other classes alike, as often as in the dataset's feature_data/statistics.csv, "
                           "or by exp(cosine to the own anchor / --contrast_temperature)")
    text.add_argument("--contrast_temperature", type=above_zero, default=0.07,
                      help="contrast_ce, pointsupcon and hard negatives")
    text.add_argument("--supcon_points", type=positive, default=1024, help="pointsupcon: voxels of a batch compared")
    text.add_argument("--contrast_pos_thresh", type=cosine_distance, default=0.0)
    text.add_argument("--contrast_neg_thresh", type=cosine_distance, default=0.6)
    text.add_argument("--contrast_neg_weight", type=zero_or_more, default=1.0, help="lambda of the paper")
    text.add_argument("--embedding_loss_lambda", type=zero_or_more, default=1.0, help="weight of the whole loss")
    text.add_argument("--learned_projection", type=str2bool, default=False,
                      help="a trained linear layer to the anchors' width instead of a fixed isometry of the anchors")
    text.add_argument("--class_names", metavar="FILE.txt|A,B,C",
                      help="with --is_train False: the nearest of these names' anchors instead of the 200 classes'")
    text.add_argument("--held_out_classes", metavar="FILE.txt|A,B,C",
                      help="classes not trained on: their labels are ignored and their names are no negatives")
