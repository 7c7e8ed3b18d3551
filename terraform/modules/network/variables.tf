variable "name" {
  description = "Name of the VPC and first part of what is in it."
  type        = string
}

variable "suffix" {
  description = "Last part of the flow log role's name, as names in IAM are global."
  type        = string
}

variable "region" {
  description = "Region of the VPC."
  type        = string
}

variable "cidr" {
  description = "Address range of the VPC, a /16."
  type        = string
}

variable "egress" {
  description = "endpoints: tasks in private subnets, with interface endpoints; public: tasks in public subnets, with public addresses."
  type        = string
}

variable "https" {
  description = "Open port 443 of the load balancer."
  type        = bool
}

variable "clients" {
  description = "Address ranges that reach the load balancer, IPv4 and IPv6."
  type        = list(string)
}

variable "service_ports" {
  description = "Port of each service."
  type        = map(number)
}

variable "table_access" {
  description = "DynamoDB actions and resources that may leave by the gateway endpoint."
  type        = object({ actions = list(string), resources = list(string) })
}
