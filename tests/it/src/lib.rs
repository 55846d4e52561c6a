//! Nothing: this package is its tests (`tests/it`), which run Skep as a process and know no types of it.
