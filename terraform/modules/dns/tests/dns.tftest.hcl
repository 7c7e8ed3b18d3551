# The name follows the Region that serves.

mock_provider "aws" {}

mock_provider "aws" {
  alias = "dr"
}

run "failover_records" {
  command = plan

  variables {
    domain_name    = "forum.example.com"
    hosted_zone_id = null
    ipv6           = true
    serving        = { primary = true, dr = true }
    primary        = { dns_name = "primary.example.com", zone_id = "Z1", host = "primary.example.com" }
    dr             = { dns_name = "dr.example.com", zone_id = "Z2", host = "dr.example.com" }
    fenced         = true
  }

  override_resource {
    target = aws_acm_certificate.primary
    values = {
      domain_validation_options = [{ domain_name = "forum.example.com", resource_record_name = "_x", resource_record_type = "CNAME", resource_record_value = "_y" }]
    }
    override_during = plan
  }

  assert {
    condition = { for role, record in aws_route53_record.this : role => [record.failover_routing_policy[0].type, record.alias[0].name] } == {
      "PRIMARY A"      = ["PRIMARY", "primary.example.com"], "PRIMARY AAAA" = ["PRIMARY", "primary.example.com"],
      "SECONDARY A"    = ["SECONDARY", "dr.example.com"],
      "SECONDARY AAAA" = ["SECONDARY", "dr.example.com"]
    } && alltrue([for key, record in aws_route53_record.this : endswith(key, " ${record.type}")])
    error_message = "The primary's record must fail over to the DR Region's."
  }

  assert {
    condition = alltrue([
      for check in aws_route53_health_check.this : check.type == "HTTPS" && startswith(check.resource_path, "/api/posts/health") && check.request_interval == 10
    ])
    error_message = "A Region is healthy when a service there reaches its tables through the load balancer."
  }

  assert {
    condition = { for role, check in aws_route53_health_check.this : role => check.resource_path } == {
      PRIMARY = "/api/posts/health/writing", SECONDARY = "/api/posts/health"
    }
    error_message = "After a take-over DNS must not send clients back to a primary that does not write; the second Region serves readers at any time."
  }
}

run "a_zone_that_exists" {
  command = plan

  variables {
    domain_name    = "forum.example.com"
    hosted_zone_id = "Z0123456789ABC"
    ipv6           = false
    serving        = { primary = true, dr = false }
    primary        = { dns_name = "primary.example.com", zone_id = "Z1", host = "primary.example.com" }
    dr             = null
    fenced         = false
  }

  override_resource {
    target = aws_acm_certificate.primary
    values = {
      domain_validation_options = [{ domain_name = "forum.example.com", resource_record_name = "_x", resource_record_type = "CNAME", resource_record_value = "_y" }]
    }
    override_during = plan
  }

  assert {
    condition     = length(aws_route53_zone.this) == 0 && aws_route53_record.this["PRIMARY A"].zone_id == "Z0123456789ABC" && aws_route53_record.validation[0].zone_id == "Z0123456789ABC"
    error_message = "Records go into the zone that was named."
  }

  assert {
    condition     = aws_route53_health_check.this["PRIMARY"].resource_path == "/api/posts/health"
    error_message = "Without a fence nobody knows which Region writes."
  }

  assert {
    condition     = keys(aws_route53_record.this) == ["PRIMARY A"] && output.name_servers == null
    error_message = "No address that nobody can reach, and no name servers to enter anywhere."
  }
}
