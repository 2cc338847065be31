"""Wrong settings are found before anything runs, all at once, each with its place."""

import mmi
import pytest

CASES = [
    ("train.max_stepz=1", "train.max_stepz: train has no such setting; did you mean"),
    ("train.max_steps=many", "train.max_steps: must be an integer, but is a string"),
    ("train.max_steps=1.5", "train.max_steps: must be an integer, but is a number"),
    ("train.max_steps=-1", "train.max_steps: must be >= 0, but is -1"),
    ("train.max_steps=", "train.max_steps: must be an integer, but is null"),
    ("train.eval_every=-2", "train.eval_every: must be >= 0, but is -2"),
    ("train.save_every=0", "train.save_every: must be >= 1, but is 0"),
    ("train.accumulate=0", "train.accumulate: must be >= 1, but is 0"),
    ("train.autocast=fp16", 'train.autocast: must be one of off | bf16, but is "fp16"'),
    ("train.on_nan=ignore", 'train.on_nan: must be one of stop | skip, but is "ignore"'),
    ("train.ema={decay: 2}", "train.ema.decay: must be [0, 1], but is 2"),
    ("train.ema={decoy: 0.9}", 'train.ema.decoy: ema has no such setting; did you mean "decay"?'),
    ("train.ema=0.9", "train.ema: must be a map, but is a number"),
    ("train.early_stop={patience: 0}", "train.early_stop.patience: must be >= 1, but is 0"),
    (
        "train.early_stop.patients=3",
        "train.early_stop.patients: early_stop has no such setting; did",
    ),
    ("train.freeze=encoder", "train.freeze: must be a list, but is a string"),
    ("train.freeze=[1]", "train.freeze[0]: must be a string, but is an integer"),
    ("train.groups=[{lr_factor: -1}]", "train.groups[0].lr_factor: must be >= 0, but is -1"),
    (
        'train.groups=[{paramters: ["*"]}]',
        "train.groups[0].paramters: parameter_group has no such setting;",
    ),
    ('train.groups={parameters: ["*"]}', "train.groups: must be a list, but is a map"),
    ("train.tensorboard=maybe", "train.tensorboard: must be a boolean, but is a string"),
    ("train=5", "train: must be a map, but is an integer"),
    ("trian.max_steps=5", 'trian: run has no such setting; did you mean "train"?'),
    ("seed=-1", "seed: -1 does not fit"),
    ("seed=one", "seed: must be an integer, but is a string"),
    ("seed=1e3", "seed: must be an integer, but is a number"),
    ("threads=-1", "threads: must be [0, 1024], but is -1"),
    ("threads=5000", "threads: must be [0, 1024], but is 5000"),
    ("preset=tiny", 'has no preset "tiny"; it has: small, gpu, paper, quickstart, smoke'),
    ("preset=3", 'has no preset "3"; it has: small, gpu, paper, quickstart, smoke'),
    ("task.name=audeo/video2rol", 'task: no task is called "audeo/video2rol" (did you mean'),
    ("task.model.name=resnet81", 'task.model: no frame_model is called "resnet81" (did you mean'),
    ("task.model.widht=1", "task.model.widht: video2roll has no such setting; did you mean"),
    ("task.model.width=-1", "task.model.width: must be > 0, but is -1"),
    ("task.model.width=.inf", "task.model.width: must be a number, but is a string"),
    ("task.model.width=.nan", "task.model.width: must be a number, but is a string"),
    ("task.model.readout=column", "task.model.readout: must be one of global | columns, but is"),
    ("task.height=4", "task.height: must be [16, 1024], but is 4"),
    ("task.height=100000", "task.height: must be [16, 1024], but is 100000"),
    ("task.width=true", "task.width: must be an integer, but is a boolean"),
    ("task.min_key=88", "task.min_key: must be [0, 87], but is 88"),
    ("task.min_key=60 task.max_key=50", "task: min_key 60 is above max_key 50"),
    ("task.loss=mse", 'task.loss: must be one of bce | soft_f1, but is "mse"'),
    ("task.balanced=2", "task.balanced: must be a boolean, but is an integer"),
    ("task.draws_per_epoch=0", "task.draws_per_epoch: must be >= 1, but is 0"),
    ("task.threshold=1.5", "task.threshold: must be [0, 1], but is 1.5"),
    ("task.calibrate=yes please", "task.calibrate: must be a boolean, but is a string"),
    ("task.loader.batch_size=0", "task.loader.batch_size: must be >= 1, but is 0"),
    ("task.loader.workers=-1", "task.loader.workers: must be [0, 64], but is -1"),
    ("task.loader.prefetch_batches=0", "task.loader.prefetch_batches: must be [1, 64], but is 0"),
    ("task.loader.prefetch_mb=0", "task.loader.prefetch_mb: must be > 0, but is 0"),
    (
        "task.loader.on_error=ignore",
        'task.loader.on_error: must be one of raise | skip, but is "ignore"',
    ),
    (
        "task.loader.max_bad_fraction=2",
        "task.loader.max_bad_fraction: must be [0, 1], but is 2",
    ),
    (
        "task.optimizer.name=adamm",
        'task.optimizer.name: must be one of adam | adamw, but is "adamm"',
    ),
    ("task.optimizer.lr=0", "task.optimizer.lr: must be > 0, but is 0"),
    ("task.optimizer.beta1=1.5", "task.optimizer.beta1: must be [0, 1], but is 1.5"),
    ("task.optimizer.weight_decay=-0.1", "task.optimizer.weight_decay: must be >= 0, but is -0.1"),
    ("task.schedule.name=cosin", "task.schedule.name: must be one of constant | cosine | expone"),
    ("task.schedule.warmup_steps=-5", "task.schedule.warmup_steps: must be >= 0, but is -5"),
    ("task.schedule.final_factor=2", "task.schedule.final_factor: must be [0, 1], but is 2"),
    ("task.schedule.name=exponential", "task.schedule: final_factor: exponential never reaches 0"),
    ("task.schedule.factor=-1", "task.schedule.factor: must be [0, 1], but is -1"),
    ("task.recordings.name=piano", 'task.recordings: no recordings is called "piano"; known:'),
    ("task.recordings.train_pieces=0", "task.recordings.train_pieces: must be >= 1, but is 0"),
    ("task.recordings.duration_s=0", "task.recordings.duration_s: must be > 1, but is 0"),
    ("init.file=", "init.file: must be a string, but is null"),
    ("init={fil: x}", 'init.fil: init has no such setting; did you mean "file"?'),
    ("init.key_map=[{matcch: a}]", "init.key_map[0].matcch: key_rule has no such setting; did you"),
    (
        "needs={me: {config: nothing.yaml}}",
        "no configuration file configs/audeo/nothing.yaml here or among",
    ),
    ("task.loader[0]=1", "task.loader[0] has no element 0 (it is a map)"),
    ("task.loader.batch_size.x=1", "task.loader.batch_size: must be an integer, but is a map"),
    ("=5", 'cannot use "=5" as an override: write name=value, e.g.'),
    ("train.max_steps", 'cannot use "train.max_steps" as an override: write name=value,'),
    ("needs.me={}", "needs.me: config: name the file of the stage that is needed"),
]


@pytest.mark.parametrize(("setting", "said"), CASES, ids=[setting for setting, _ in CASES])
def test_a_wrong_setting_is_named(setting: str, said: str) -> None:
    overrides = setting.split() if " task." in setting else [setting]
    with pytest.raises(mmi.ConfigError) as caught:
        mmi.build("configs/audeo/video2roll.yaml", "preset=smoke", *overrides)
    text = str(caught.value)
    assert said in text
    assert (
        "command line" in text or "video2roll.yaml" in text or setting in text or "configs" in text
    )


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(mmi.ConfigError) as caught:
        mmi.build("configs/audeo/video2roll.yaml", "train.max_stepz=1", "task.height=4", "seed=one")
    text = str(caught.value)
    assert text.startswith("3 problems")
    for name in ("train.max_stepz", "task.height", "seed"):
        assert f"command line: {name}: " in text


def test_an_unknown_device_is_named() -> None:
    with pytest.raises(mmi.ConfigError, match="device: must be auto, cpu or cuda:N"):
        mmi.build("configs/audeo/video2roll.yaml", "preset=smoke", "device=gpu")
