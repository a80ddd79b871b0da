"""Furniture models of the Sweet Home 3D libraries for generated rooms; nothing of them lies in the project."""
