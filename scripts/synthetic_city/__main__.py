"""Run with: python -m scripts.synthetic_city --figures FILE --seed N --from D --to D --out DIR"""

import sys

from scripts.synthetic_city.cli import main

sys.exit(main())
