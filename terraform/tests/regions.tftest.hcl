# What each Region holds, as switches are turned.

mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "dr"
  source = "./tests/mocks"
}

run "before_images_are_pushed" {
  command = plan

  assert {
    condition     = output.alb_dns_names == { us-east-1 = null, us-west-2 = null } && output.forum_run_task == { us-east-1 = null, us-west-2 = null }
    error_message = "Without image_tag nothing runs, so nothing that costs by the hour is there."
  }

  assert {
    condition     = keys(output.ecr_repository_urls["us-west-2"]) == ["forum", "posts", "threads", "users"]
    error_message = "Images need repositories in both Regions, made by us: replication would make them mutable."
  }
}

run "a_small_second_region_for_development" {
  command = plan

  variables {
    tasks = { min = 3 }
  }

  assert {
    condition     = local.dr_tasks == 1
    error_message = "One task in the second Region is enough to try things."
  }
}

run "a_second_region_that_takes_the_whole_load" {
  command = plan

  variables {
    environment = "prod"
    tasks       = { min = 3 }
  }

  assert {
    condition     = local.dr_tasks == 3
    error_message = "In production the second Region must be as large as the first."
  }
}

run "tables_alone_in_the_second_region" {
  command = plan

  variables {
    image_tag       = "v1"
    allowed_cidrs   = ["203.0.113.0/24"]
    enable_dr_stack = false
  }

  assert {
    condition     = keys(output.alb_dns_names) == ["us-east-1"] && length(module.tables.replica_arns) == 5
    error_message = "enable_dr_stack = false keeps the replicas and leaves out the services."
  }
}

run "one_region" {
  command = plan

  variables {
    image_tag            = "v1"
    domain_name          = "forum.example.com"
    allowed_cidrs        = ["203.0.113.0/24"]
    enable_global_tables = false
  }

  assert {
    condition     = keys(output.alb_dns_names) == ["us-east-1"] && length(module.tables.replica_arns) == 0
    error_message = "enable_global_tables = false leaves the second Region empty."
  }
}

run "the_trail_records_writes_in_both_regions" {
  command = plan

  module {
    source = "./modules/audit"
  }

  variables {
    name          = "forum-microservices-dev"
    table_arns    = ["arn:aws:dynamodb:us-east-1:123456789012:table/t", "arn:aws:dynamodb:us-west-2:123456789012:table/t"]
    reads         = false
    force_destroy = false
  }

  assert {
    condition = { for selector in one(aws_cloudtrail.tables.advanced_event_selector).field_selector : selector.field => tolist(selector.equals) } == {
      "eventCategory"  = tolist(["Data"])
      "resources.type" = tolist(["AWS::DynamoDB::Table"])
      "resources.ARN"  = tolist(["arn:aws:dynamodb:us-east-1:123456789012:table/t", "arn:aws:dynamodb:us-west-2:123456789012:table/t"])
      "readOnly"       = tolist(["false"])
    }
    error_message = "The trail must record the writes on both copies of a table, and no reads."
  }

  assert {
    condition     = aws_cloudtrail.tables.is_multi_region_trail
    error_message = "A trail of one Region does not see the other's calls."
  }
}
