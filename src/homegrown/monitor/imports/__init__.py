"""Files of calls that happened elsewhere, by the software that wrote them."""
