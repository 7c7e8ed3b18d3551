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
  description = "Which Regions have a load balancer or an API."
  type        = object({ primary = bool, dr = bool })
}

variable "fenced" {
  description = "Is there a fence? Then the primary is unhealthy while another Region writes."
  type        = bool
}

variable "primary" {
  description = "Load balancer or API of the primary Region, and the host that its health is asked at; null without."
  type        = object({ dns_name = string, zone_id = string, host = string })
}

variable "dr" {
  description = "The same of the DR Region."
  type        = object({ dns_name = string, zone_id = string, host = string })
}
