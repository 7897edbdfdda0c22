"""Latents of images: what a measurement that is an image is reduced to.

Belongs here: the stage that links modalities, the stage within a modality, and the reduction that
both end in. Does not belong here: what follows for images and matrices alike (the shared latents,
the flow, the graph).

Two stages, neither of which sees a label, and each with a prior in its architecture and nothing
else that is known about the images:

1.  Between modalities (`linking`), deep canonical correlation: a score of every modality such that
    the scores agree. Its network ends in a spatial soft-argmax: a prior for places.
2.  Within a modality (`within`), maximal correlation: a score that says as much as possible about
    the linked scores, computed by a network that cannot know where anything is, because its
    convolutions wrap around and it keeps nothing but averages and maxima over the image. Where the
    measurements of a modality show the same latents in different shapes they must agree on it.

The second stage averages several networks; the first gains nothing from more than one. Scores are
given a standard normal distribution, which is all that can be known of their scale.
"""
