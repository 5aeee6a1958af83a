"""Where the three console commands begin: importing this package has checked that what they run is apexcam's."""


def apexcam() -> None:
    """Cameras and recordings: see ``apexcam --help``."""
    from realtime.cli import main

    main()


def apexbench() -> None:
    """The benchmark: see ``apexbench --help``."""
    from offline.cli import main

    main()


def apexengine() -> None:
    """The compute stages: see ``apexengine --help``."""
    from engines.cli import main

    main()
