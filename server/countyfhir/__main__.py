"""``python -m countyfhir`` is the command ``countyfhir``."""

from countyfhir.cli import main

if __name__ == "__main__":
    main()
