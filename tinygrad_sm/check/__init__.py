"""Checks: derivatives against differences of values, the birth of what is not finite, a graph's ailments."""

from .anomaly import detect_anomaly
from .command import check_file
from .diagnosis import Diagnosis, diagnose
from .gradients import GradientCheck, check_grads

__all__ = ["Diagnosis", "GradientCheck", "check_file", "check_grads", "detect_anomaly", "diagnose"]
