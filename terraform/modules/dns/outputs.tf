output "certificate_arns" {
  description = "Issued certificate of each Region; null without a load balancer."
  value = {
    primary = one(aws_acm_certificate_validation.primary[*].certificate_arn)
    dr      = one(aws_acm_certificate_validation.dr[*].certificate_arn)
  }
}

output "name_servers" {
  description = "Name servers of the zone that was made; null for hosted_zone_id."
  value       = one(aws_route53_zone.this[*].name_servers)
}

output "health_checks" {
  description = "Id of each Region's health check by role, primary and secondary."
  value       = { for role, check in aws_route53_health_check.this : lower(role) => check.id }
}
