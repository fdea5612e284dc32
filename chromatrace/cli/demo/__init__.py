import click


@click.command()
def demo():
    """The main job."""
