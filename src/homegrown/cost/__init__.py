"""What answers cost: charges of the past, and when owning beats renting."""

from homegrown.cost.compare import Comparison, compare
from homegrown.cost.own_models import ModelCost, model_costs
from homegrown.cost.planning import ModelPlan, PlanAsked, plan_model
from homegrown.cost.price_list import Price, PriceKind, PriceList, checked, day, package_prices
from homegrown.cost.resolve import Asked, Measured, resolve
from homegrown.cost.usage import Charge, Traffic, call_cost, charges, traffic

__all__ = [
    "Asked",
    "Charge",
    "Comparison",
    "Measured",
    "ModelCost",
    "ModelPlan",
    "PlanAsked",
    "Price",
    "PriceKind",
    "PriceList",
    "Traffic",
    "call_cost",
    "charges",
    "checked",
    "compare",
    "day",
    "model_costs",
    "package_prices",
    "plan_model",
    "resolve",
    "traffic",
]
