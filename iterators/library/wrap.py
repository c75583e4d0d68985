"""What older or foreign iterator files return, as DataIterators."""

from torch.utils import data as torch_data

from engine.errors import UserError
from iterators.library.iterator import DataIterator


def wrap(loaded, batch_size, seed=0):
    """What get_iterators returned as {"train": DataIterator, ...}.

    A dict's values and a lone value (which is "train") may be DataIterators, or anything with their
    attributes, kept as they are; or torch DataLoaders, of which the data set, batch size, collate function,
    number of workers and whether it shuffles are kept; the order, and that no example is dropped, are
    DataIterator's. Raises UserError, naming --iterator, for anything else.
    """
    made = {
        name: _wrapped(name, value, batch_size, seed)
        for name, value in (loaded if isinstance(loaded, dict) else {"train": loaded}).items()
    }
    if "train" not in made:
        raise UserError(
            f"--iterator: get_iterators returned {', '.join(map(str, made)) or 'an empty dict'}; "
            'use a dict with a DataIterator under "train"'
        )
    return made


def _wrapped(name, value, batch_size, seed):
    if all(hasattr(value, needed) for needed in ("from_step", "data_shape", "n_classes", "to", "__len__")):
        return value
    if not isinstance(value, torch_data.DataLoader):
        raise UserError(
            f"--iterator: get_iterators returned {type(value).__name__} for {name}; use a DataIterator, or a "
            "torch DataLoader"
        )
    dataset, sampler, indices = value.dataset, getattr(value.batch_sampler, "sampler", value.sampler), None
    if isinstance(dataset, torch_data.IterableDataset):
        raise UserError(
            f"--iterator: the data set of its DataLoader, {type(dataset).__name__}, is a stream; use one "
            "with len(dataset) and dataset[i]"
        )
    if type(value.batch_sampler) is not torch_data.BatchSampler:
        raise UserError(
            f"--iterator: the batches of its DataLoader ({type(value.batch_sampler).__name__}) would not be "
            "kept; use one made with batch_size=N, or a DataIterator"
        )
    if isinstance(sampler, torch_data.SubsetRandomSampler):
        indices = sampler.indices
    elif not isinstance(
        sampler, (torch_data.RandomSampler, torch_data.SequentialSampler, torch_data.DistributedSampler)
    ):
        raise UserError(
            f"--iterator: the {type(sampler).__name__} of its DataLoader would not be followed; use a "
            "DataLoader with shuffle=True, or a DataIterator"
        )
    shuffle = not isinstance(sampler, torch_data.SequentialSampler)
    return DataIterator(
        dataset,
        value.batch_sampler.batch_size,
        seed,
        value.num_workers,
        shuffle,
        indices=indices,
        collate_fn=value.collate_fn,
        what=f"{name} examples",
    )
