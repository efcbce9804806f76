"""ONNX models. Running one (`session`) is separate from making one: making imports from running, never the reverse.

Making: `bert_graph` and `writer` write a graph, `calibration` measures what int8 needs, `quantized` keeps the results.
"""
