# Somebody is told before the bill tells them.

mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "dr"
  source = "./tests/mocks"
}

run "with_an_address" {
  command = plan

  variables {
    alarm_email    = "ops@example.com"
    monthly_budget = 50
  }

  assert {
    condition     = one(aws_budgets_budget.month).limit_amount == "50" && one(aws_budgets_budget.month).time_unit == "MONTHLY" && length(one(aws_budgets_budget.month).cost_filter) == 0
    error_message = "The budget is the account's, for a month."
  }

  assert {
    condition = {
      for notification in one(aws_budgets_budget.month).notification : notification.notification_type => "${notification.threshold} ${join(" ", notification.subscriber_email_addresses)}"
    } == { ACTUAL = "80 ops@example.com", FORECASTED = "100 ops@example.com" }
    error_message = "alarm_email is told of what was spent and of what will be."
  }
}

run "without_an_address_or_a_limit" {
  command = plan

  variables {
    alarm_email    = "ops@example.com"
    monthly_budget = null
  }

  assert {
    condition     = length(aws_budgets_budget.month) == 0
    error_message = "monthly_budget = null makes no budget."
  }
}

run "by_default" {
  command = plan

  assert {
    condition     = length(aws_budgets_budget.month) == 0
    error_message = "A budget without a reader helps nobody."
  }
}
