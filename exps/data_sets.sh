# Sourced by the scripts of exps/: the launcher's flags for each data set. exps/env.sh says where files are.
MNIST="--iterator=iterators/mnist.py"
KMNIST="--iterator=iterators/kmnist.py"
SVHN="--iterator=iterators/svhn.py"
CIFAR10="--iterator=iterators/cifar10.py"
CIFAR100="--iterator=iterators/cifar100.py"
IMAGENET32="--iterator=iterators/imagenet32.py"  # root holds the official npz batches
STL10="--iterator=iterators/stl10.py --iterator_args split=unlabeled size=48"
CELEBA="--iterator=iterators/celeba.py"
LSUN_BEDROOMS="--iterator=iterators/lsun.py --iterator_args classes=bedroom"
IMAGES="--iterator=iterators/images.py"
# rendered here; --iterator_args npz=FILE reads the published images
DSPRITES="--iterator=iterators/dsprites.py"
STACKED_MNIST="--iterator=iterators/stacked_mnist.py"  # of any number of MNIST's digits
COLOUR_MNIST="--iterator=iterators/colour_mnist.py"  # MNIST's digits, and coloured ones made of them
UNPAIRED_IMAGES="--iterator=iterators/unpaired_images.py"  # root holds trainA, trainB, testA, testB
LINES="--iterator=iterators/lines.py"  # drawn here
POINTS1D="--iterator=iterators/points1d.py"
POINTS2D="--iterator=iterators/points2d.py"
# any of these with few labels: --iterator_args base=FILE labels_per_class=N; LABEL_SEED chooses them
FEW_LABELS="--iterator=iterators/semi.py --iterator_args label_seed=${LABEL_SEED:-0} download=False"
