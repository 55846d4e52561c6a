"""An emulated AWS that deletes as reluctantly as the real one.

moto answers the API; this package serves it, guards it with real signatures, and adds what moto
leaves out: dependencies that refuse deletion, states that take time, faults, a log of calls and a
dump of everything that exists. Mirrors docs/spec/60 §5 and docs/spec/24 §2.
"""
