"""What the suites in Python share: they count, name what failed and end in the closing line."""


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, is_right, complaint):
        if is_right:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {complaint}")

    def close(self):
        """Prints the closing line; the value is for sys.exit."""
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return self.failed > 0
