variable "domain_name" {
  description = "Name that the forum is served under; also the name of the hosted zone, where one is made."
  type        = string
}

variable "hosted_zone_id" {
  description = "Zone that takes the records; null makes one."
  type        = string
}

variable "ipv6" {
  description = "Publish the load balancers' IPv6 addresses, too."
  type        = bool
}

variable "serving" {
  description = "Which Regions have a load balancer."
  type        = object({ primary = bool, dr = bool })
}

variable "fenced" {
  description = "Is there a fence? Then the primary is unhealthy while another Region writes."
  type        = bool
}

variable "primary" {
  description = "Load balancer of the primary Region, null without."
  type        = object({ dns_name = string, zone_id = string })
}

variable "dr" {
  description = "Load balancer of the DR Region, null without."
  type        = object({ dns_name = string, zone_id = string })
}
