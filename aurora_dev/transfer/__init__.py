"""Transfer of records: exports, imports and copies between stores, without embedding again.

The functions are synchronous and take backends; `aurora_dev.memory.Memory` calls them in a thread.
"""

from aurora_dev.transfer.copying import CopyReport, copy_records
from aurora_dev.transfer.export_lines import ExportFileError
from aurora_dev.transfer.exporting import ExportReport, Progress, export_records
from aurora_dev.transfer.importing import FileSummary, ImportReport, check_file, import_records

__all__ = [
    "CopyReport",
    "ExportFileError",
    "ExportReport",
    "FileSummary",
    "ImportReport",
    "Progress",
    "check_file",
    "copy_records",
    "export_records",
    "import_records",
]
