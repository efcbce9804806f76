"""Running a model on ONNX Runtime, and building one."""
