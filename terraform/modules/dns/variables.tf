variable "domain_name" {
  description = "Name that the forum is served under; also the hosted zone's."
  type        = string
}

variable "serving" {
  description = "Which Regions have a load balancer."
  type        = object({ primary = bool, dr = bool })
}

variable "primary" {
  description = "Load balancer of the primary Region, null without."
  type        = object({ dns_name = string, zone_id = string })
}

variable "dr" {
  description = "Load balancer of the DR Region, null without."
  type        = object({ dns_name = string, zone_id = string })
}
