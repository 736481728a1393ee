"""The whole way of a reading under load: a site of real servers, a separate process of devices."""
