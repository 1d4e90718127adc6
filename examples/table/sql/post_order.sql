SELECT place_order();
