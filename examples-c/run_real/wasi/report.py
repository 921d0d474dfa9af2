"""What CPython does inside wrt: a bit of everything, with one right answer."""
import hashlib, json, os, re, sqlite3, statistics, sys, zlib
from decimal import Decimal, getcontext
from fractions import Fraction

print("Python", sys.version.split()[0], "on", sys.platform)

text = open("/app/report.py", "rb").read()
words = re.findall(rb"[a-z]+", b"the guest sees one directory, and nothing else of this machine")
print(json.dumps({"scripts": sorted(f for f in os.listdir("/app") if f.endswith(".ts")), "words": len(words)}))
print("sha256 of 'wrt':", hashlib.sha256(b"wrt").hexdigest())
print("zlib gives back what it got:", zlib.decompress(zlib.compress(text)) == text)

getcontext().prec = 50
print("e  =", sum(Decimal(1) / Decimal(int(f)) for f in __import__("itertools").accumulate(range(1, 45), lambda a, b: a * b)) + 1)
print("1/2 + ... + 1/30 =", sum((Fraction(1, n) for n in range(2, 31)), Fraction()))

primes = [n for n in range(2, 20000) if all(n % d for d in range(2, int(n**0.5) + 1))]
print(len(primes), "primes below 20000, mean", statistics.mean(primes))

db = sqlite3.connect(":memory:")
db.execute("create table planet (name text, moons int)")
db.executemany("insert into planet values (?, ?)", [("Earth", 1), ("Mars", 2), ("Jupiter", 97), ("Saturn", 274)])
print("moons:", db.execute("select sum(moons), max(name) from planet where moons < 100").fetchone())

try:
    open("/etc/passwd")
except OSError as e:
    print("outside of its directory:", type(e).__name__)


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


print("calls within each other:", depth(900))
sys.exit(len(sys.argv))
