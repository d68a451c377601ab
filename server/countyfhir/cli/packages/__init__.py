"""FHIR packages (NPM form): read, put into a store through the one door, listed and removed again."""
