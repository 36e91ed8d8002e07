"""What NVIDIA's own Python bindings, nvitop and gpustat show of a simulated machine, as JSON.

The library is found through LD_LIBRARY_PATH, as those programs do it.
"""

import json
import subprocess
import sys
from pathlib import Path

import pynvml as n


def ask(function, *arguments):
    """The answer, or the code of the refusal."""
    try:
        return function(*arguments)
    except n.NVMLError as error:
        return {"code": error.value}


def processes(handle):
    rows = []
    for process in n.nvmlDeviceGetComputeRunningProcesses(handle):
        rows.append([process.pid, process.usedGpuMemory])
    return sorted(rows)


def memory(handle):
    try:
        info = n.nvmlDeviceGetMemoryInfo(handle, n.nvmlMemory_v2)
    except n.NVMLError as error:
        return {"code": error.value}
    return {"total": info.total, "used": info.used, "free": info.free, "reserved": info.reserved}


def mig_devices(handle):
    found = []
    for index in range(ask(n.nvmlDeviceGetMaxMigDeviceCount, handle)):
        try:
            mig = n.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)
        except n.NVMLError:
            continue
        found.append({
            "uuid": n.nvmlDeviceGetUUID(mig),
            "name": n.nvmlDeviceGetName(mig),
            "gi": n.nvmlDeviceGetGpuInstanceId(mig),
            "ci": n.nvmlDeviceGetComputeInstanceId(mig),
            "multiprocessors": n.nvmlDeviceGetAttributes(mig).multiprocessorCount,
            "memory": memory(mig),
            "processes": processes(mig),
        })
    return found


def device(handle):
    rates = ask(n.nvmlDeviceGetUtilizationRates, handle)
    return {
        "name": n.nvmlDeviceGetName(handle),
        "uuid": n.nvmlDeviceGetUUID(handle),
        "pci": n.nvmlDeviceGetPciInfo(handle).busId.lower(),
        "minor": n.nvmlDeviceGetMinorNumber(handle),
        "memory": memory(handle),
        "busy_percent": rates if isinstance(rates, dict) else rates.gpu,
        "power_mw": n.nvmlDeviceGetPowerUsage(handle),
        "power_limit_mw": n.nvmlDeviceGetEnforcedPowerLimit(handle),
        "energy_mj": n.nvmlDeviceGetTotalEnergyConsumption(handle),
        "temperature": n.nvmlDeviceGetTemperature(handle, n.NVML_TEMPERATURE_GPU),
        "processes": processes(handle),
        "mig": mig_devices(handle),
    }


def of_nvitop():
    from nvitop import Device

    def rows(gpu):
        return sorted([pid, process.gpu_memory()] for pid, process in gpu.processes().items())

    return [
        {
            "name": gpu.name(),
            "uuid": gpu.uuid(),
            "memory_total": gpu.memory_total(),
            "memory_used": gpu.memory_used(),
            "power_mw": gpu.power_usage(),
            "processes": rows(gpu),
            "mig": [
                [mig.uuid(), mig.memory_total(), mig.memory_used(), rows(mig)] for mig in gpu.mig_devices()
            ],
        }
        for gpu in Device.all()
    ]


def of_gpustat():
    program = Path(sys.executable).with_name("gpustat")
    answer = subprocess.run([program, "--json"], capture_output=True, text=True, check=True)
    keys = ["index", "uuid", "name", "memory.used", "memory.total", "power.draw", "utilization.gpu", "temperature.gpu"]
    gpus = json.loads(answer.stdout)["gpus"]
    # It lists only processes that the machine really has.
    rows = [sorted([of["pid"], of["gpu_memory_usage"]] for of in gpu["processes"]) for gpu in gpus]
    return [{key: gpu[key] for key in keys} | {"processes": of} for gpu, of in zip(gpus, rows)]


n.nvmlInit()
handles = [n.nvmlDeviceGetHandleByIndex(index) for index in range(n.nvmlDeviceGetCount())]
print(json.dumps({
    "driver": n.nvmlSystemGetDriverVersion(),
    "devices": [device(handle) for handle in handles],
    "nvitop": of_nvitop(),
    "gpustat": of_gpustat(),
}))
