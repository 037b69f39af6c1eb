"""A throw-away VM with an IOMMU and GPU-like PCI devices; see ../README.md."""
