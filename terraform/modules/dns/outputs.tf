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
